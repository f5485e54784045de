// Plots, as SVG of our own; each can be taken away as CSV or PNG, and is a table for who does not see it.
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { dayOf, minuteOf } from "./format";

export type Series = { name: string; color: string; values: (number | null)[] };

const H = 210;
const LEFT = 52;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;

type PlotProps = {
  title: string;
  times: number[];
  series: Series[];
  format: (value: number) => string;
  kind?: "line" | "bars";
  actions?: ComponentChildren;
};

/** Values over time: lines with gaps where there is nothing, or bars that stand on each other. */
export function TimePlot({ title, times, series, format, kind = "line", actions }: PlotProps) {
  const id = useId();
  const svg = useRef<SVGSVGElement>(null);
  const W = useWidth(svg);
  const [at, setAt] = useState<number | null>(null);
  const sums = times.map((_, i) => series.reduce((sum, each) => sum + (each.values[i] ?? 0), 0));
  const most = niceMost(kind === "bars" ? Math.max(...sums, 0) : Math.max(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0))));
  const x = (i: number) => LEFT + ((i + 0.5) / Math.max(times.length, 1)) * (W - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - value / most) * (H - TOP - BOTTOM);
  const isEmpty = !series.some((each) => each.values.some((value) => value));
  const move = (event: PointerEvent) => {
    const box = svg.current?.getBoundingClientRect();
    if (!box || !times.length) return;
    const share = (((event.clientX - box.left) / box.width) * W - LEFT) / (W - LEFT - RIGHT);
    setAt(Math.max(0, Math.min(times.length - 1, Math.floor(share * times.length))));
  };
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || !times.length) return;
    event.preventDefault();
    setAt((now) => Math.max(0, Math.min(times.length - 1, (now ?? times.length) + by)));
  };
  const shown = at === null ? null : Math.min(at, times.length - 1);
  return (
    <section class="card" aria-labelledby={id}>
      <div class="head">
        <h2 id={id}>{title}</h2>
        <div class="actions">
          {actions}
          <button type="button" class="quiet small" aria-label={`${title}: CSV`} onClick={() => saveCsv(title, times, series)}>CSV</button>
          <button type="button" class="quiet small" aria-label={`${title}: PNG`} onClick={() => svg.current && savePng(title, svg.current)}>PNG</button>
        </div>
      </div>
      <div class="plot">
        <svg ref={svg} viewBox={`0 0 ${W} ${H}`} role="img" tabIndex={0} aria-label={summary(title, series, format)} onPointerMove={move} onPointerLeave={() => setAt(null)} onKeyDown={step} onBlur={() => setAt(null)}>
          {[0, 0.5, 1].map((share) => (
            <g key={share}>
              <line class="gridline" x1={LEFT} x2={W - RIGHT} y1={y(most * share)} y2={y(most * share)} />
              <text x={LEFT - 8} y={y(most * share) + 4} text-anchor="end">{isEmpty && share > 0 ? "" : format(most * share)}</text>
            </g>
          ))}
          {ticks(times, W).map((i) => <text key={i} x={x(i)} y={H - 6} text-anchor="middle">{label(times, i)}</text>)}
          {kind === "bars" ? bars(series, x, y, (W - LEFT - RIGHT) / Math.max(times.length, 1)) : series.map((each) => <path key={each.name} d={lineOf(each.values, x, y)} fill="none" stroke={each.color} stroke-width="2" stroke-linejoin="round" stroke-linecap="round" />)}
          {kind === "line" && series.flatMap((each) => each.values.map((value, i) => value !== null && alone(each.values, i) ? <circle key={`${each.name}${i}`} cx={x(i)} cy={y(value)} r="2.500" fill={each.color} /> : null))}
          {isEmpty && <text x={(W + LEFT) / 2} y={H / 2} text-anchor="middle">Nothing in this range yet</text>}
          {shown !== null && <line class="cursor" x1={x(shown)} x2={x(shown)} y1={TOP} y2={H - BOTTOM} />}
        </svg>
        <div class="legend" aria-live={shown === null ? "off" : "polite"}>
          {shown !== null && <span>{dayOf(times[shown] ?? 0)} {minuteOf(times[shown] ?? 0)}</span>}
          {series.map((each) => {
            const value = shown === null ? null : each.values[shown];
            return <span key={each.name}><i style={{ background: each.color }} /><span class="text">{each.name}</span>{shown !== null && <strong>{value === null || value === undefined ? "–" : format(value)}</strong>}</span>;
          })}
        </div>
      </div>
    </section>
  );
}

/** Returns how many pixels a plot has, so that its words are as large in each. */
function useWidth(ref: RefObject<SVGSVGElement | null>): number {
  const [width, setWidth] = useState(640);
  useEffect(() => {
    if (!ref.current) return;
    const watch = new ResizeObserver(([entry]) => entry && setWidth(Math.max(240, Math.round(entry.contentRect.width))));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

function bars(series: Series[], x: (i: number) => number, y: (value: number) => number, step: number) {
  const width = Math.max(1.5, step * 0.72);
  return (series[0]?.values ?? []).flatMap((_, i) => {
    let below = 0;
    return series.map((each) => {
      const value = each.values[i] ?? 0;
      if (!value) return null;
      const top = y(below + value);
      const rect = <rect key={`${each.name}${i}`} x={x(i) - width / 2} y={top} width={width} height={Math.max(0.8, y(below) - top)} fill={each.color} rx="1" />;
      below += value;
      return rect;
    });
  });
}

function lineOf(values: (number | null)[], x: (i: number) => number, y: (value: number) => number): string {
  let path = "";
  let isOpen = false;
  values.forEach((value, i) => {
    if (value === null) {
      isOpen = false;
      return;
    }
    path += `${isOpen ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    isOpen = true;
  });
  return path;
}

const alone = (values: (number | null)[], i: number) => (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;

function niceMost(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= value) ?? value;
}

function ticks(times: number[], width: number): number[] {
  const many = Math.min(6, times.length, Math.floor(width / 75));
  return Array.from({ length: many }, (_, i) => Math.floor(((i + 0.5) * times.length) / many));
}

function label(times: number[], i: number): string {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return span > 2 * 86_400_000 ? dayOf(times[i] ?? 0) : minuteOf(times[i] ?? 0);
}

function summary(title: string, series: Series[], format: (value: number) => string): string {
  const parts = series.map((each) => {
    const known = each.values.filter((value) => value !== null);
    return known.length ? `${each.name} from ${format(Math.min(...known))} to ${format(Math.max(...known))}` : `${each.name}: nothing`;
  });
  return `${title}. ${parts.join("; ")}. Arrow keys read the values.`;
}

/** A ranking: the longest bar is the most. */
export function Ranking(props: { title: string; rows: { name: string; value: number; href?: string }[]; format: (value: number) => string; none: string }) {
  const id = useId();
  const most = Math.max(...props.rows.map((each) => each.value), 0) || 1;
  const rows = [...props.rows].sort((a, b) => b.value - a.value).slice(0, 8);
  return (
    <section class="card" aria-labelledby={id}>
      <div class="head">
        <h2 id={id}>{props.title}</h2>
        <div class="actions">
          <button type="button" class="quiet small" aria-label={`${props.title}: CSV`} onClick={() => save(`${props.title}.csv`, new Blob([csv([["name", "value"], ...props.rows.map((each) => [each.name, each.value])])], { type: "text/csv" }))}>CSV</button>
        </div>
      </div>
      {rows.length ? (
        <ul class="bars">
          {rows.map((each) => (
            <li key={each.name}>
              <div class="line"><span class="clip">{each.href ? <a href={each.href}>{each.name}</a> : each.name}</span><strong class="num">{props.format(each.value)}</strong></div>
              <div class="track"><span style={{ width: `${(100 * each.value) / most}%` }} /></div>
            </li>
          ))}
        </ul>
      ) : <p class="muted">{props.none}</p>}
    </section>
  );
}

export type Span = { from: number; to: number; state: "good" | "warn" | "bad" | "none"; label: string };

/** Which state something was in, and when. */
export function Timeline(props: { rows: { name: string; spans: Span[] }[]; from: number; to: number; label: string }) {
  const svg = useRef<SVGSVGElement>(null);
  const width = useWidth(svg);
  const height = 26;
  const color = { good: "var(--good)", warn: "var(--warn)", bad: "var(--bad)", none: "var(--line)" };
  const x = (at: number) => 130 + ((Math.max(props.from, Math.min(props.to, at)) - props.from) / (props.to - props.from)) * (width - 134);
  return (
    <div class="plot">
      <svg ref={svg} viewBox={`0 0 ${width} ${props.rows.length * height + 22}`} role="img" aria-label={`${props.label}. ${props.rows.map((row) => `${row.name}: ${row.spans.map((each) => each.label).join(", ")}`).join("; ")}`}>
        {props.rows.map((row, i) => (
          <g key={row.name}>
            <text x="0" y={i * height + 16}>{row.name.length > 19 ? `${row.name.slice(0, 18)}…` : row.name}</text>
            {row.spans.map((each, j) => (
              <rect key={j} x={x(each.from)} y={i * height + 5} width={Math.max(1.5, x(each.to) - x(each.from))} height="14" rx="2" fill={color[each.state]}><title>{each.label}</title></rect>
            ))}
          </g>
        ))}
        {(width < 480 ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((share) => {
          const at = props.from + share * (props.to - props.from);
          return <text key={share} x={130 + share * (width - 134)} y={props.rows.length * height + 16} text-anchor={share === 0 ? "start" : share === 1 ? "end" : "middle"}>{props.to - props.from > 2 * 86_400_000 ? dayOf(at) : minuteOf(at)}</text>;
        })}
      </svg>
    </div>
  );
}

function csv(rows: (string | number | null)[][]): string {
  // A name that begins like a formula is one to whoever opens the file in a spreadsheet.
  const cell = (value: string | number | null) => {
    const text = value === null ? "" : typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function saveCsv(title: string, times: number[], series: Series[]): void {
  const rows = times.map((time, i) => [new Date(time).toISOString(), ...series.map((each) => each.values[i] ?? null)]);
  save(`${title}.csv`, new Blob([csv([["time", ...series.map((each) => each.name)], ...rows])], { type: "text/csv" }));
}

function savePng(title: string, svg: SVGSVGElement): void {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const from = [svg, ...svg.querySelectorAll<SVGElement>("*")];
  // An image knows nothing of the page's style.
  [copy, ...copy.querySelectorAll<SVGElement>("*")].forEach((each, i) => {
    const style = getComputedStyle(from[i] as Element);
    for (const name of ["fill", "stroke", "stroke-width", "font-size", "font-family"]) each.setAttribute(name, style.getPropertyValue(name));
  });
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("width", String(width * 2));
  copy.setAttribute("height", String(height * 2));
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = width * 2;
    canvas.height = height * 2;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    canvas.toBlob((blob) => blob && save(`${title}.png`, blob), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
}

function save(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replaceAll(/[^\w. -]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
