"""`python -m symfold`: the command."""

from symfold.apps.command.main import main

if __name__ == "__main__":
    main()
