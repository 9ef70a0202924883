// Icons as inline SVG, drawn on a 24 px grid with a 1.75 px stroke.

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  logo: ['M12 21V11', 'M12 12.5C12 8 8.8 4.8 3.8 4.8c0 4.8 3 7.7 8.2 7.7Z', 'M12 16c0-3.8 2.9-6.6 8.2-6.6 0 4.2-3 6.6-8.2 6.6Z'],
  plus: ['M12 5v14', 'M5 12h14'],
  menu: ['M4 7h16', 'M4 12h16', 'M4 17h10'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  more: ['M5.5 12h.01', 'M12 12h.01', 'M18.5 12h.01'],
  pencil: ['M4 20l1-4.5L16 4.5a2.1 2.1 0 0 1 3.5 3.5L8.5 19Z', 'M14 6.5l3.5 3.5'],
  trash: ['M4 7h16', 'M9 7V4.5h6V7', 'M6.5 7l.9 12.5h9.2L17.5 7', 'M10 11v5', 'M14 11v5'],
  send: ['M12 19V5.5', 'M6 11.5l6-6 6 6'],
  down: ['M12 5v13.5', 'M6 12.5l6 6 6-6'],
  copy: ['M9 9h10.5v10.5H9Z', 'M5 15H4.5V4.5H15V5'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  chevron: ['M9 6l6 6-6 6'],
  alert: ['M12 4.5l8.5 15h-17Z', 'M12 10.5v4', 'M12 17.2v.01'],
  info: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M12 11.5v5', 'M12 8v.01'],
  block: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M6 6l12 12'],
  key: ['M8 19a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Z', 'M11.2 11.3L19 3.5', 'M15.5 7l3 3'],
  terminal: ['M3.5 5h17v14h-17Z', 'M7.5 9.5l3 2.5-3 2.5', 'M13 15h3.5'],
  file: ['M6 3.5h8l4.5 4.5v12.5H6Z', 'M13.5 3.5V8.5H18.5'],
  globe: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M3.5 12h17', 'M12 3c-5 5.5-5 12.5 0 18 5-5.5 5-12.5 0-18Z'],
  clock: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M12 7v5.5l3.5 2'],
  chip: ['M7 7h10v10H7Z', 'M10 3.5V7', 'M14 3.5V7', 'M10 17v3.5', 'M14 17v3.5', 'M3.5 10H7', 'M3.5 14H7', 'M17 10h3.5', 'M17 14h3.5'],
  bolt: ['M13 3L5.5 13.5H11L10.5 21 18.5 10H13Z'],
  bookmark: ['M6.5 4h11v16.5L12 16.5l-5.5 4Z'],
  spark: ['M12 3.5l1.900 5.600 5.600 1.900-5.600 1.900L12 18.5l-1.900-5.600-5.600-1.900 5.600-1.900Z', 'M19 17v4', 'M17 19h4'],
  chat: ['M4 5h16v11.5h-8.5L7 20.5v-4H4Z'],
  retry: ['M19.5 12a7.5 7.5 0 1 1-2.300-5.400', 'M19.5 3.5v4h-4'],
  eye: ['M2.5 12c4.5-8 14.5-8 19 0-4.5 8-14.5 8-19 0Z', 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z'],
  hand: ['M12 3.5l7.5 3v5.5c0 4.5-3 7.5-7.5 9-4.5-1.5-7.5-4.5-7.5-9V6.5Z', 'M12 8.5v4', 'M12 15.5v.01'],
  search: ['M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z', 'M15.2 15.2L20 20'],
  compress: ['M4 12h16', 'M12 3v5.5', 'M9 6l3 3 3-3', 'M12 21v-5.5', 'M9 18l3-3 3 3'],
  queue: ['M4 6h16', 'M4 11h16', 'M4 16h9', 'M18 14v6', 'M15 17h6'],
  branch: ['M7 4v16', 'M7 13c0-3 10-1 10-6', 'M17 7V4'],
  plug: ['M9 3.5V8', 'M15 3.5V8', 'M6.5 8h11v3a5.5 5.5 0 0 1-11 0Z', 'M12 16.5v4'],
  chart: ['M4 20h16', 'M7 16.5v-5', 'M12 16.5v-10', 'M17 16.5v-7'],
  pause: ['M9 5.5v13', 'M15 5.5v13'],
  play: ['M8 5l10.500 7L8 19Z'],
  signout: ['M14 4.5H5v15h9', 'M10 12h10.5', 'M17 8l4 4-4 4'],
};

/** An icon of 16, 20 or 24 px. It is decoration: name what it means in the element around it. */
export function icon(name, size = 16) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('width', size);
  svg.setAttribute('height', size);
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  for (const d of PATHS[name] ?? []) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** A filled square: the stop button. */
export function stopIcon() {
  const svg = icon('', 16);
  const square = document.createElementNS(SVG, 'rect');
  for (const [name, value] of Object.entries({ x: 6, y: 6, width: 12, height: 12, rx: 2.5, fill: 'currentColor' })) {
    square.setAttribute(name, value);
  }
  svg.append(square);
  return svg;
}

const TOOL_ICONS = [
  [/^(shell|containers|apps?)/, 'terminal'],
  [/^(file|canvas|skill)/, 'file'],
  [/^(web|http|browser|mcp__)/, 'globe'],
  [/^(time|schedule)/, 'clock'],
  [/^system/, 'chip'],
  [/^memory/, 'bookmark'],
  [/^(sessions|channel|gmail|ask)/, 'chat'],
  [/^agent/, 'branch'],
];

/** The icon for a tool of this name. */
export function toolIcon(name) {
  const [, found] = TOOL_ICONS.find(([pattern]) => pattern.test(name)) ?? [null, 'bolt'];
  return icon(found);
}
