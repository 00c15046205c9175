/** Distinguishes AVIF from HEIC by the brands of the `ftyp` box. Source: ISO/IEC 14496-12, 4.3; the AVIF specification, section 6. */
import type { Bytes } from './bytes.ts';

const AVIF = ['avif', 'avis'];
const HEIC = ['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis'];

/** Brands that say no more than "image" or "image sequence". */
const ANY_IMAGE = ['mif1', 'msf1'];

/** Whether the major brand is AVIF's or, in a file that does not call itself HEIC, a compatible one. */
export function isAvif(bytes: Bytes): boolean {
  const [major, ...others] = brandsOf(bytes);
  if (major === undefined || HEIC.includes(major)) return false;
  return AVIF.includes(major) || others.some((brand) => AVIF.includes(brand));
}

/** Whether the major brand is HEIC's or says no more than "image". Ask `isAvif` first. */
export function isHeic(bytes: Bytes): boolean {
  const [major = ''] = brandsOf(bytes);
  return HEIC.includes(major) || ANY_IMAGE.includes(major);
}

/** The major brand, then the compatible ones, of which 60 are looked at. */
function brandsOf(bytes: Bytes): string[] {
  if (!bytes.has(4, 'ftyp') || bytes.length < 12) return [];
  const brands = [bytes.text(8, 12)];
  const end = Math.min(bytes.u32be(0), bytes.length, 256);
  for (let offset = 16; offset + 4 <= end; offset += 4) brands.push(bytes.text(offset, offset + 4));
  return brands;
}
