"""Open byte paths, chosen by the scheme of a URL. They know no protocol."""
