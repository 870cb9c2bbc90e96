"""What a .tflite file is: its number formats, how it is written, described, read, run here, and whether phones run it sparsely."""
