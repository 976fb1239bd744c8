from __future__ import annotations


class TransformError(Exception):
    """Fails the record, or when `init` raises it refuses the deploy. The instance goes on.

    The message goes into the dead letter and the log: no secrets. With `retry` the record is tried again as often as the spec's
    `errors.max_retries` says (`guest.failed`); without it never is (`guest.rejected`).
    """

    def __init__(self, message: str, retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retry = retry


def told(error: BaseException) -> str:
    """An error that was not meant for anyone, in one line: what, and the innermost place."""
    text = f"{type(error).__name__}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        file = trace.tb_frame.f_code.co_filename.rsplit("/", 1)[-1]
        text = f"{text} ({file}:{trace.tb_lineno})"
    if isinstance(error, ImportError):
        text += "; modules are imported while the component is built: import it at the top of app.py"
    return text


def plain(text: str) -> str:
    """Halves of surrogate pairs, which JSON may bring, have no UTF-8: each becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
