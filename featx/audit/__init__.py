"""What may be wrong with a data set: copies, leaks, wrong labels, outliers, broken samples, shortcuts."""
