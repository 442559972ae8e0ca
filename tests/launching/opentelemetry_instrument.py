"""``opentelemetry-instrument``, which is a script and no module that could be run."""

from opentelemetry.instrumentation.auto_instrumentation import run

if __name__ == "__main__":
    run()
