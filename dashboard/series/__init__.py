"""The bars of one view, joined from closed bars, the open minute and trades."""
