"""The slow loop: a snapshot of the data becomes a published model, or a figure of its quality."""
