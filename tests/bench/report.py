"""The numbers as text: medians of all rounds, from the least to the most, and as ratios to nginx and to the limit."""

import goals

COLUMNS = ("median", "min - max", "/limit", "/nginx")
WIDTHS = (9, 19, 8, 8)


def table_of(result):
    """Two metrics side by side; where there are many, their medians alone."""
    lines = [f"{result.workload}: {result.title}"]
    shown = [metric for metric in result.metrics if any(result.values(lane, metric.key) for lane in result.samples)]
    if len(shown) > 8:
        return "\n".join(lines + [""] + _medians(result, shown))
    for first in range(0, len(shown), 2):
        lines += [""] + _block(result, shown[first : first + 2])
    return "\n".join(lines)


def _medians(result, metrics):
    width = max(len(lane) for lane in result.samples) + 2
    sizes = [max(len(metric.label), 6) + 2 for metric in metrics]
    lines = ["".ljust(width) + "".join(metric.label.rjust(size) for metric, size in zip(metrics, sizes))]
    for lane in result.samples:
        medians = (result.median(lane, metric.key) for metric in metrics)
        texts = ("-" if median is None else _number(median, metric) for median, metric in zip(medians, metrics))
        lines.append(lane.ljust(width) + "".join(text.rjust(size) for text, size in zip(texts, sizes)))
    return lines


def _block(result, metrics):
    width = max(len(lane) for lane in result.samples) + 2
    head = "".ljust(width) + "".join(f"   {metric.label:<{sum(WIDTHS)}}" for metric in metrics)
    names = "".join(name.rjust(size) for name, size in zip(COLUMNS, WIDTHS))
    lines = [head.rstrip(), "".ljust(width) + "".join(f"   {names}" for _ in metrics)]
    for lane in result.samples:
        lines.append(lane.ljust(width) + "".join("   " + _cells(result, lane, metric) for metric in metrics))
    return lines


def _cells(result, lane, metric):
    values = result.values(lane, metric.key)
    if not values:
        return "-".rjust(sum(WIDTHS))
    spread = f"{_number(min(values), metric)} - {_number(max(values), metric)}"
    ratios = (result.ratio(lane, other, metric.key) for other in (result.limit, "nginx"))
    shown = ("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
    cells = (_number(result.median(lane, metric.key), metric), spread, *shown)
    return "".join(cell.rjust(size) for cell, size in zip(cells, WIDTHS))


def _number(value, metric):
    return f"{value:,.{metric.digits}f}"


def goals_of(results):
    lines = ["Goals"]
    for goal, value in goals.judged(results):
        verdict = "met" if goal.is_met(value) else "MISSED"
        lines.append(f"  {goal.workload:<11}{goal.what:<38}{goal.bound:>8}   {value:8.2f}   {verdict}")
    return "\n".join(lines)
