"""Runtimes that are not in this process: what a .tflite file says and how long it takes there."""
