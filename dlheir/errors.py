"""The errors that the command line answers with one line and exit code 2."""


class InputError(ValueError):
    """The arguments or the input are wrong.

    The message is one line that names the file, argument or value and says what to do.
    """
