import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSettings } from './config-settings.ts';

test('every setting says what it is for', () => {
  const rows = describeSettings();
  assert.ok(rows.length > 15);
  for (const { key, variable, about } of rows) {
    assert.match(variable, /^TONEARM_[A-Z_]+$/);
    assert.ok(about.length > 8, key);
  }
});
