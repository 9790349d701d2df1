"""Answers: the present profile folded into the live model, with songs as they are now."""
