"""What benchmarks talk to, in processes of their own: foreign implementations, clients, a meter, a server."""
