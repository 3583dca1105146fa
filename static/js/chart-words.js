// How charts write numbers, places on their axes, and amounts.
import { duration } from "./time-ago.js";

const withCommas = once(() => new Intl.NumberFormat("en-US"));
const timeOfDay = once(() => new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" }));
const day = once(() => new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }));
const minute = once(() => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
const second = once(() => new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" }));
const SIZES = ["B", "kB", "MB", "GB", "TB"];

// Formats are slow to make, the first one a tenth of what opening a page takes: so once, and late.
function once(make) {
  let made;
  return () => (made ??= make());
}

// Six significant digits, as the table has them.
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return withCommas().format(value);
  return String(Number(value.toPrecision(6)));
}

export function bytes(value) {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.abs(value) + 0.5) / 3)));
  const amount = value / 1000 ** power;
  return `${Number(amount.toPrecision(power && Math.abs(amount) < 100 ? 2 : 3))} ${SIZES[power]}`;
}

export const UNITS = {
  percent: (value) => `${Number(value.toPrecision(3))} %`,
  bytes,
  rate: (value) => `${bytes(value)}/s`,
  count: number,
};

// A place on an axis in full, for a cursor.
export const PLACES = {
  step: (x) => `step ${number(x)}`,
  relative: (x) => (Math.abs(x) < 60 ? `${x.toFixed(1)} s` : duration(x)),
  time: (x) => timeOfDay().format(x * 1000),
};

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return value.toExponential(1);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  return number(value);
}

// Ticks of an axis.
export const TICKS = {
  step: (_, values) => values.map((value) => (value === null ? "" : short(value))),
  relative: (_, values) => values.map((value) => (value === null ? "" : clock(value))),
  time: (_, values, _axis, _space, stride) => values.map((value) => moment(value, stride)),
};

export const STRIDES = {
  step: undefined,
  relative: [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
    14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000],
  time: undefined,
};

// The time of day as finely as the ticks lie, and at midnight the day.
function moment(value, stride) {
  const time = new Date(value * 1000);
  const isDay = stride >= 86400 || time.getHours() + time.getMinutes() + time.getSeconds() === 0;
  if (isDay) return day().format(time);
  if (stride >= 60) return minute().format(time);
  const whole = second().format(time);
  return stride >= 1 ? whole : `${whole.slice(-5)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function clock(seconds) {
  if (seconds < 60) return `${Number(seconds.toPrecision(4))} s`;
  if (seconds < 3600) return `${Number((seconds / 60).toPrecision(3))} min`;
  if (seconds < 172800) return `${Number((seconds / 3600).toPrecision(3))} h`;
  return `${Number((seconds / 86400).toPrecision(3))} d`;
}
