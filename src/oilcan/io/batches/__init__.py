"""Tables read in batches, for training and for scoring, and the progress of long work. No raw files, no stores."""
