"""Whether everything that was written down about likes still agrees: the checks of verify_likes."""
