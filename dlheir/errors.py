"""The errors that the command line answers with one line: exit code 2, or 1 for `WorkError`."""


class InputError(ValueError):
    """The arguments or the input are wrong.

    The message is one line that names the file, argument or value and says what to do.
    """


class WorkError(Exception):
    """The work failed, with nothing wrong in what was asked.

    The message is one line that says what failed.
    """


def find_input_error(error: BaseException | None) -> InputError | None:
    """The InputError that an error came from, however deep; libraries wrap what we raise."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error
