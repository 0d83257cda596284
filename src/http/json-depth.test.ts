import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeeperThan } from './json-depth.ts';

test('depth is that of arrays and objects, however many there are beside each other', () => {
  for (const json of ['', '1', '[[[]]]', '[{"a":[]}]', `[${Array(1000).fill('[[]]').join(',')}]`])
    assert.equal(isDeeperThan(3, json), false, json);
  for (const json of ['[[[[]]]]', '{"a":{"b":{"c":{}}}}', '[{"a":[{', '[['.repeat(100_000)])
    assert.equal(isDeeperThan(3, json), true, json.slice(0, 30));
});

test('brackets in texts, also after escaped quotes, are not counted', () => {
  for (const json of ['"[[[[["', '{"[[[[":"{{{{"}', '["\\"[[[[", "\\\\"]', '"\\\\\\"[[[["'])
    assert.equal(isDeeperThan(3, json), false, json);
  assert.equal(isDeeperThan(3, '["\\\\",[[[]]]]'), true);
});
