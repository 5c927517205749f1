"""What is done with meters beside reading values to be stored as captures, a kind of work a module."""
