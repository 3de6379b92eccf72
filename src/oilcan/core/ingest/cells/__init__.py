"""Raw cells of one column to typed values: numbers, instants, flags, texts. Which rows are kept: `rows`."""
