"""The recommender: plain values in, plain values out. It never imports Django."""
