/** The tables of docs/contract.md, so that a test can walk every row. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ContractRow {
  /** `§3.1 a stop tone sequence was completed`: the section's number and the first cell, without markup. */
  readonly name: string;
  readonly cells: readonly string[];
}

export function contractRows(): readonly ContractRow[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/contract.md'), 'utf8');
  const rows: ContractRow[] = [];
  let section = '';
  let inTable = false;
  for (const line of text.split('\n')) {
    section = /^#+ (\d+(?:\.\d+)?)\.? /.exec(line)?.[1] ?? section;
    if (/^\s*5\. /.test(line)) section = '3.1';
    const isRow = /^\s*\|/.test(line);
    // A table's first line is its heading, the second the rule under it.
    if (isRow && inTable && !/^\s*\|[-|\s]+$/.test(line)) {
      const cells = line
        .trim()
        .replace(/^\||\|$/g, '')
        .split(/(?<!\\)\|/)
        .map(plain);
      rows.push({ name: `§${section} ${cells[0]}`, cells });
    }
    inTable = isRow;
  }
  return rows;
}

function plain(cell: string): string {
  return cell.replace(/[`*]/g, '').replace(/\\\|/g, '|').trim();
}
