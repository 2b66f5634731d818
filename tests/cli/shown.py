"""What an executed notebook shows."""
import html
import json
import re


def outputs(path):
    """Its text, its tables (rows of cells, numbers without the commas of thousands) and how many pictures there are.  Fails if a
    cell ended in an error or wrote to stderr."""
    cells = json.load(open(path))["cells"]
    found = [output for cell in cells for output in cell.get("outputs", [])]
    bad = [output for output in found if output.get("name") == "stderr" or output["output_type"] == "error"]
    assert not bad, (path, bad)
    text = "".join("".join(output["text"]) for output in found if "text" in output)
    data = [output["data"] for output in found if "data" in output]
    tables = ["".join(some["text/html"]) for some in data if "text/html" in some]
    return text, [rows(table) for table in tables], sum("image/png" in some for some in data)


def rows(table):
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S) for line in lines]
    return [[re.sub(r"(?<=\d),(?=\d{3})", "", html.unescape(cell)).strip() for cell in line] for line in cells]
