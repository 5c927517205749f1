"""Values that may be billed: registers of the database through VEE into validated days."""
