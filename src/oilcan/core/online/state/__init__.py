"""What the online engine remembers of each machine: windows, averages, records, and their form as bytes."""
