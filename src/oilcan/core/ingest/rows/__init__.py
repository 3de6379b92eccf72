"""What becomes of each raw row: kept, excluded, refused or a duplicate, with counts and reasons."""
