"""CSV in: files become rows, rows become songs and judgements, batch by batch."""
