"""What every module of the course shares: files, devices, seeds, progress, script flags, expectations, data."""
