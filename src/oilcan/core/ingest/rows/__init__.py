"""What becomes of each raw row: kept, left out, refused or a duplicate, with counts and reasons."""
