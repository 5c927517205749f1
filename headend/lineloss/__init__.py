"""Line loss for people: out of files or the database, as tables, files and a picture."""
