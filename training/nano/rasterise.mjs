// Rasterises icons: node rasterise.mjs <json: [{set, icon}]> <folder of unpacked @iconify-json packages> <out folder>
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

const [, , list, packages, out] = process.argv;
const sets = new Map();
for (const [i, { set, icon }] of JSON.parse(readFileSync(list, 'utf8')).entries()) {
  if (!sets.has(set)) sets.set(set, JSON.parse(readFileSync(`${packages}/${set}/icons.json`, 'utf8')));
  const data = sets.get(set);
  const entry = data.icons[icon] ?? data.icons[data.aliases?.[icon]?.parent];
  const width = entry.width ?? data.width ?? 16;
  const height = entry.height ?? data.height ?? width;
  const box = `viewBox="${entry.left ?? 0} ${entry.top ?? 0} ${width} ${height}" width="128" height="${(128 * height) / width}"`;
  const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  await sharp(Buffer.from(`<svg ${names} ${box}>${entry.body}</svg>`)).png().toFile(`${out}/${i}.png`);
}
