"""Pure order-flow rules on numpy arrays: no I/O, no clock, no logging."""
