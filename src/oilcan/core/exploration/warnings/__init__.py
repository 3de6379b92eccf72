"""What gives warning of a failure, how early, and what follows for the words of a contract? Lives are in `lives`."""
