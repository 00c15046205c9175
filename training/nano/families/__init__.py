"""One module a family of pictures; each has `make(canvas, hard) -> list[Question]`."""
