"""The ``completion`` command, and the way to what a shell asks for while a command is typed."""

from __future__ import annotations

import argparse

from tui.cli.output import say

SHELLS = ("bash", "zsh", "fish")
_DESCRIPTION = """\
Print what makes a shell complete tunedeck's commands, options, job ids, providers, models and
files with the Tab key. Put its line into your shell's start file, and open a new shell:

  bash, ~/.bashrc                      eval "$(tunedeck completion bash)"
  zsh, ~/.zshrc                        eval "$(tunedeck completion zsh)"
  fish, ~/.config/fish/config.fish     tunedeck completion fish | source"""
_EPILOG = """\
Job ids are those this machine knows: nothing is asked of a provider while you type. Names that hold
what a shell could take for a command ($, `, ;, | and the like) are not offered.

exit codes: 0 done, 2 wrong usage"""
# Job ids newest first: the order they are given in is the order they are shown in, where the shell
# can do that.
_BASH_IN_ORDER = "compopt -o nosort tunedeck 2>/dev/null || :\n"
_ZSH_READY = "(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i }"


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``completion``."""
    parser = sub.add_parser(
        "completion",
        help='make the Tab key complete: eval "$(tunedeck completion bash)"',
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell you type into")
    parser.set_defaults(handler=completion)


def completion(args: argparse.Namespace) -> int:
    """Print the code for a shell."""
    say(shell_code(args.shell).rstrip("\n"))
    return 0


def shell_code(shell: str) -> str:
    """Return what a shell (one of `SHELLS`) runs once to complete tunedeck's command lines."""
    from argcomplete.shell_integration import shellcode

    code = shellcode(["tunedeck"], shell=shell)
    if shell == "bash":
        return code + _BASH_IN_ORDER
    if shell == "zsh":
        first, _, rest = code.partition("\n")
        return f"{first}\n{_ZSH_READY}\n{rest}"
    return code.replace(" -f -a ", " -k -f -a ")
