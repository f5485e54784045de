"""How HTTP requests become RPCs and answers, for each shape of route."""
