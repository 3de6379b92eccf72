"""How figures are written for people: numbers, money, units, lengths of time, names of policies. No sentences."""
