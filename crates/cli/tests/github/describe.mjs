// Writes the part of GitHub's own OpenAPI description that is about releases and commits, unchanged: the whole
// of it has 13 MB.
import { readFileSync } from 'node:fs';

const whole = JSON.parse(readFileSync('node_modules/@octokit/openapi/generated/api.github.com.json', 'utf8'));
const ours = /^\/repos\/\{owner\}\/\{repo\}\/(releases|commits\/\{ref\}$)/;
const paths = Object.fromEntries(Object.entries(whole.paths).filter(([path]) => ours.test(path)));

// What they refer to, and what that refers to.
const components = {};
const gather = (value) => {
  if (value === null || typeof value !== 'object') return;
  const [, kind, name] = value.$ref?.match?.(/^#\/components\/([^/]+)\/([^/]+)$/) ?? [];
  if (kind && !components[kind]?.[name]) {
    (components[kind] ??= {})[name] = whole.components[kind][name];
    gather(whole.components[kind][name]);
  }
  Object.values(value).forEach(gather);
};
gather(paths);

const { openapi, info, servers } = whole;
console.log(JSON.stringify({ openapi, info, servers, paths, components }));
