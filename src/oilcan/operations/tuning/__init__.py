"""`oilcan tune`: a search of hyper-parameters whose trials are DVC experiments. Not inside: training of one model."""
