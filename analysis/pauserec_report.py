"""All notebooks of this folder, executed on one results file, as one HTML page on standard output: `pauserec report`.

    pauserec_report.py RESULTS TITLE > report.html

The page is whole by itself: images are in it, and it refers to nothing outside.  What went wrong stands in the last line of
standard error, after "error: "; exit status 3: a notebook failed, 6: the machine, 1: anything else.
"""
import html
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDER = ["ablation", "cost", "curves", "codebooks", "pause-k", "rationale-quality"]  # then others by name
TEMPLATE = """{%- extends 'basic/index.html.j2' -%}
{% block input_group %}<details><summary>code</summary>{{ super() }}</details>{% endblock input_group %}
"""
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 78rem; margin: 0 auto; padding: 1rem 2rem 4rem; }
h1 { margin-top: 3rem; border-bottom: 2px solid #0072B2; } h1.title { margin-top: 1rem; }
h2 { margin-top: 2rem; }
nav { columns: 2; } nav ul { margin: 0 0 .6rem; } nav > ul > li { break-inside: avoid; font-weight: 600; }
nav ul ul { font-weight: 400; padding-left: 1.2rem; }
details { margin: .3rem 0; } summary { color: #767676; font-size: 12px; cursor: pointer; }
pre { background: #f6f6f6; padding: .6rem; overflow-x: auto; font-size: 12.5px; white-space: pre-wrap; }
.output_html { overflow-x: auto; } img { max-width: 100%; }
table { border-collapse: collapse; font-size: 12.5px; } tbody tr:hover { background: #eef5fa; }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap; }
tbody th { text-align: left; vertical-align: top; } .output_stderr pre { background: #fdf0e6; } .anchor-link { display: none; }
"""


class ReportError(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def join():
    """The notebooks one after the other, every cell with its notebook's name and its place there."""
    files = {path.stem: path for path in HERE.glob("*.ipynb")}
    names = [name for name in ORDER if name in files] + sorted(set(files) - set(ORDER))
    if not names:
        raise ReportError(6, f"folder {HERE} has no notebook (NAME.ipynb)")
    joined = nbformat.v4.new_notebook()
    for name in names:
        try:
            cells = nbformat.read(files[name], as_version=4).cells
        except Exception as error:
            raise ReportError(3, f"{files[name].name} is no notebook: {one_line(error)}") from error
        for place, cell in enumerate(cells, 1):
            cell.pop("id", None)
            cell.metadata["from"] = {"notebook": files[name].name, "cell": place}
            joined.cells.append(cell)
    joined.nbformat_minor = 4  # cells without ids, which two copies of a notebook might share
    return joined


def execute(notebook):
    """Run all cells in one kernel, which is this very Python, whatever kernels are installed."""

    class ThisPython(AsyncKernelManager):
        @property
        def kernel_spec(self):
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python", language="python")

    runner = ExecutePreprocessor(timeout=None, startup_timeout=600, kernel_name="python3", kernel_manager_class=ThisPython)
    try:
        runner.preprocess(notebook, {"metadata": {"path": str(HERE)}})
    except CellExecutionError as error:
        cell = next(c for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", [])))
        said = f"{error.ename}: {one_line(error.evalue)}"
        raise ReportError(3, f"notebook {cell.metadata['from'].notebook}, cell {cell.metadata['from'].cell}: {said}") from error
    except DeadKernelError as error:
        raise ReportError(6, "the Python that executes the notebooks died; is there enough memory?") from error


def page(notebook, title):
    exporter = HTMLExporter(template_name="basic", raw_template=TEMPLATE)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(notebook)
    contents = []

    def heading(match):
        level, text = int(match[1]), re.sub(r"<a class=\"anchor-link\".*?</a>", "", match[2], flags=re.S)
        contents.append((level, len(contents), text))
        return f'<h{level} id="part-{len(contents) - 1}">{text}</h{level}>'

    body = re.sub(r"<h([12])\b[^>]*>(.*?)</h\1>", heading, body, flags=re.S)
    title = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<h1 class="title">{title}</h1>\n<nav>\n{table_of_contents(contents)}</nav>\n{body}\n</body>\n</html>\n'
    )


def table_of_contents(contents):
    text, level = "<ul>\n", 1
    for i, (of_heading, part, name) in enumerate(contents):
        while level < of_heading:
            text, level = text + "<ul>\n", level + 1
        while level > of_heading:
            text, level = text + "</ul></li>\n", level - 1
        deeper = i + 1 < len(contents) and contents[i + 1][0] > of_heading
        text += f'<li><a href="#part-{part}">{name}</a>' + ("" if deeper else "</li>") + "\n"
    return text + "</ul></li>\n" * (level - 1) + "</ul>\n"


def one_line(error):
    return " ".join(str(error).split())[:500]


def main():
    results, title = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="pauserec-report-") as scratch:
        # Nothing of the user's settings of Jupyter and IPython, and nothing left behind.
        os.environ.update(
            PAUSEREC_RESULTS=os.path.abspath(results), PYTHONDONTWRITEBYTECODE="1", PYDEVD_DISABLE_FILE_VALIDATION="1",
            IPYTHONDIR=scratch, JUPYTER_RUNTIME_DIR=scratch, JUPYTER_CONFIG_DIR=scratch, JUPYTER_NO_CONFIG="1"
        )
        os.environ.pop("MPLBACKEND", None)  # another one would draw into windows or files
        notebook = join()
        execute(notebook)
        text = page(notebook, title)
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        import nbformat
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager
        from nbclient.exceptions import CellExecutionError, DeadKernelError
        from nbconvert import HTMLExporter
        from nbconvert.preprocessors import ExecutePreprocessor

        main()
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.status)
    except Exception as error:
        print(f"error: {type(error).__name__}: {one_line(error)}", file=sys.stderr)
        sys.exit(1)
