"""user_profile made anew from what was loaded and the log, beside the live one."""
