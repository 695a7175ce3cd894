"""The entry point of the image."""

import sys


def main():
    framework, program = sys.argv[1], (sys.argv[2:3] or [""])[0]
    if program == "train":
        from . import train

        sys.exit(train.main(framework))
    if program == "serve":
        from . import serve

        sys.exit(serve.main(framework))
    print(f"the image of {framework} has no program {program!r}: use train or serve", file=sys.stderr)
    sys.exit(127)


main()
