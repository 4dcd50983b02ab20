// Every kind of sample that k6 can make, in about eight seconds: what reads k6's samples must come
// to the numbers of k6's own summary on this script. Some thresholds are crossed on purpose, so k6
// ends with exit code 99.
//
//   k6 run -e BASE_URL=http://127.0.0.1:8080 -e GRPC_ADDR=127.0.0.1:8081 -e SUMMARY=summary.json \
//     --tag release=v1.2.3 everything.js

import exec from 'k6/execution';
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
import { Client, Stream, StatusOK } from 'k6/net/grpc';
import { WebSocket } from 'k6/websockets';
import ws from 'k6/ws';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';
const GRPC_ADDR = __ENV.GRPC_ADDR || '127.0.0.1:8081';
const WS_URL = `${BASE_URL.replace('http', 'ws')}/ws`;
const CLOSED_PORT = 'http://127.0.0.1:1';

// Custom metrics of all four types; a second argument of true says that values are times.
const counter = new Counter('my_counter');
const counterOfTime = new Counter('my_counter_ms', true);
const gauge = new Gauge('my_gauge');
const gaugeOfTime = new Gauge('my_gauge_ms', true);
const rate = new Rate('my_rate');
const trend = new Trend('my_trend');
const trendOfTime = new Trend('my_trend_ms', true);

// Names that resemble built-in ones, and one that is a built-in one: k6 lets a script add to it.
const resembling = new Trend('http_req_durations', true);
const resemblingCounter = new Counter('http_reqs_total');
const builtIn = new Trend('group_duration', true);

const unusual = new Counter('unusual_tags');
const statuses = new Counter('status_tags');
const wide = new Trend('wide_labels');

export const options = {
  systemTags: [
    'proto', 'subproto', 'status', 'method', 'url', 'name', 'group', 'check', 'error', 'error_code',
    'tls_version', 'scenario', 'service', 'expected_response', 'ip', 'ocsp_status', 'vu', 'iter',
  ],
  blockHostnames: ['*.blocked.test'],
  tags: { environment: 'test', 'build.number': '812' }, // --tag replaces all of them
  scenarios: {
    requests: {
      executor: 'constant-arrival-rate', exec: 'requests',
      rate: 8, duration: '6s', preAllocatedVUs: 5, maxVUs: 10,
    },
    // Two iterations a second are possible, twenty are asked for: the others are dropped.
    overload: {
      executor: 'constant-arrival-rate', exec: 'overload',
      rate: 20, duration: '4s', preAllocatedVUs: 1, maxVUs: 1,
      tags: { 'scenario tag': 'of the scenario', 'build.number': '813' },
    },
    custom: { executor: 'per-vu-iterations', exec: 'custom', vus: 2, iterations: 20 },
    tags: { executor: 'per-vu-iterations', exec: 'tags', vus: 2, iterations: 10 },
    failures: { executor: 'per-vu-iterations', exec: 'failures', vus: 1, iterations: 3 },
    expectations: { executor: 'per-vu-iterations', exec: 'expectations', vus: 1, iterations: 3 },
    websocket: { executor: 'per-vu-iterations', exec: 'websocket', vus: 1, iterations: 3 },
    grpc: { executor: 'per-vu-iterations', exec: 'rpc', vus: 1, iterations: 3 },
    last: { executor: 'shared-iterations', exec: 'last', vus: 1, iterations: 1, startTime: '7s' },
  },
  thresholds: {
    http_req_duration: ['p(95)<5000', { threshold: 'p(99)<10000', abortOnFail: false }],
    'http_req_duration{name:redirects}': ['max<5000'],
    'http_req_duration{scenario:requests,method:POST}': ['avg<5000'],
    'http_reqs{scenario:requests}': ['count>10'],
    'http_reqs{status:404}': ['count>=3'],
    'http_req_failed{expected_response:false}': ['rate<0.5'], // crossed: all of them failed
    'checks{group:::outer::inner}': ['rate>0.99'], // crossed: every second one fails
    'checks{kind:of the check}': ['rate>0.99'],
    'my_counter{kind:x}': ['count<1'], // crossed
    'my_counter{kind:never}': ['count<1'],
    'my_gauge{kind:x}': ['value>-100'],
    'my_rate{kind:y}': ['rate>=0'],
    'my_trend{kind:x}': ['min<0', 'max<100'],
    'my_trend_ms{kind:y}': ['p(99.9)>0'],
    'group_duration{group:::outer}': ['avg>=0'],
    'iteration_duration{scenario:overload}': ['med>100'],
    'dropped_iterations{scenario:overload}': ['count>1'],
    'unusual_tags{two words:yes}': ['count>0'],
    'unusual_tags{日本:東京}': ['count>0'],
    'ws_session_duration{name:ws module}': ['max<5000'],
    'grpc_req_duration{name:unary}': ['max<5000'],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'],
};

export function setup() {
  const res = http.get(`${BASE_URL}/api/items`, { tags: { name: 'prepare' } });
  check(res, { 'setup finds items': (r) => r.status === 200 });
  return { total: res.json('total') };
}

export function teardown(data) {
  group('clean up', () => {
    http.get(`${BASE_URL}/fast?total=${data.total}`);
  });
  counter.add(1, { kind: 'teardown' });
}

// Groups in groups, checks that fail, redirects, batch and asynchronous requests.
export async function requests() {
  group('outer', () => {
    const res = http.get(`${BASE_URL}/fast`, { tags: { journey: 'browse', attempt: 1, first: true } });
    check(res, { 'status is 200': (r) => r.status === 200 }, { kind: 'of the check' });

    group('inner', () => {
      const even = exec.scenario.iterationInTest % 2 === 0;
      check(res, { 'fails every second time': () => even, 'has a body': (r) => r.body.length > 0 });
      http.post(`${BASE_URL}/api/orders`, JSON.stringify({ item: 1, quantity: 2 }));
    });
    group('', () => http.get(http.url`${BASE_URL}/api/items/${exec.scenario.iterationInTest + 1}`));
  });

  // Three hops, and so three requests with one name.
  http.get(`${BASE_URL}/older`, { tags: { name: 'redirects' } });

  http.batch([
    ['GET', `${BASE_URL}/page`, null, { tags: { name: 'page', kind: 'page' } }],
    ['GET', `${BASE_URL}/fast`, null, { tags: { name: 'fast', kind: 'asset' } }],
    ['GET', `${BASE_URL}/fast`, null, { tags: { name: 'fast', kind: 'asset' } }],
  ]);
  await http.asyncRequest('GET', `${BASE_URL}/api/search?q=item`, null, { tags: { name: 'search' } });
}

export function overload() {
  sleep(0.5);
}

// Values below zero, between whole numbers, huge and tiny; several tags, and none.
export function custom() {
  const n = exec.vu.iterationInScenario;
  for (const kind of ['x', 'y']) {
    counter.add(1 + n / 10, { kind, source: 'custom' });
    gauge.add(n - 10.5, { kind });
    rate.add(n % 3 === 0, { kind });
    trend.add(n - 10.25, { kind });
    trendOfTime.add(n * 1.2345678, { kind });
  }
  counter.add(0);
  counterOfTime.add(12.5, { kind: 'x' });
  gaugeOfTime.add(100 - n);
  rate.add(n % 2, { kind: 'number' });
  trend.add(0.1 + 0.2, { kind: 'fraction' });
  trend.add(1e15, { kind: 'huge' });
  trend.add(1e-9, { kind: 'tiny' });
  trend.add(-0, { kind: 'negative zero' });
  resembling.add(n, { kind: 'resembling' });
  resemblingCounter.add(2);
  builtIn.add(n + 0.5, { kind: 'by hand' });
  sleep(0.1);
}

// Tags that are hard to keep: keys with dots, blanks or nothing in them, long values, any script.
export function tags() {
  unusual.add(1, { 'x.y': 'dotted', x_y: 'underscored' });
  unusual.add(1, { 'two words': 'yes', 'trailing.': '1', '.leading': '2', 'a..b': '3' });
  unusual.add(1, { ' ': 'blank key', '': 'empty key', '\t': 'tab key' });
  unusual.add(1, { 'empty value': '', blank: ' ' });
  unusual.add(1, { ünïcödé: 'größer', 日本: '東京', '🚀': '👩‍🚀' });
  unusual.add(1, { 'quoted "key"': '"quoted"', 'back\\slash': 'C:\\temp\\new', 'new\nline': 'a\nb\r\nc' });
  unusual.add(1, { controls: '\u0000\u0001\u001f\u007f\u0085\u2028\u2029', html: '<b>&amp;</b>' });
  unusual.add(1, { 'half a character': 'before \ud83d after' });
  unusual.add(1, { 'a=b': 'c=d', 'e&f': 'g&h', comma: '1,2', semicolon: '3;4', colon: 'a:b' });
  unusual.add(1, { 'k6.run.id': 'mine', '@timestamp': 'noon', labels: 'more', _id: '1' });
  unusual.add(1, { value: 'x'.repeat(40 * 1024) });
  unusual.add(1, { value: 'ü'.repeat(20 * 1024) });

  // A tag that k6 sets itself, by hand: text, numbers, and on a request, where k6 has the last word.
  statuses.add(1, { status: 'shipped' });
  statuses.add(1, { status: '0' });
  statuses.add(1, { status: 200 });
  statuses.add(1, { method: 'by hand', url: 'none', error: 'none', scenario: 'other', group: 'other' });
  statuses.add(1, { vu: 'by hand', iter: 'by hand', check: 'by hand', name: 'by hand' });
  http.get(`${BASE_URL}/fast`, { tags: { status: 'shipped', method: 'mine', url: 'short', proto: 'mine' } });

  check(null, {
    'quotes " and \' and `': () => true,
    'back\\slash \\n': () => true,
    'new\nline and\ttab and \u0001 and \u0000': () => false,
    'ünïcödé 日本 🚀': () => true,
    ' ': () => true,
    'a,b=c&d{e}:f': () => true,
  });
  group('größe 日本 🚀', () => {
    group('with "quotes" and \\ and \n', () => {
      http.get(`${BASE_URL}/fast?q=${encodeURIComponent('日本')}`, { tags: { name: 'GET 日本 "fast"' } });
    });
  });

  // Tags and metadata of all that follows in this iteration.
  exec.vu.metrics.tags.journey = 'tagged';
  exec.vu.metrics.metadata.trace_id = `0af7651916cd43dd8448eb211c80319${exec.vu.iterationInScenario % 10}`;
  exec.vu.metrics.metadata['meta "data"'] = 'a=b&c';
  http.get(`${BASE_URL}/fast`, { tags: { name: 'with metadata' } });
  counter.add(1, { kind: 'metadata' });
  delete exec.vu.metrics.tags.journey;
  delete exec.vu.metrics.metadata.trace_id;
  delete exec.vu.metrics.metadata['meta "data"'];
  sleep(0.2);
}

// Requests that fail: nobody listens, no answer in time, a blocked host, errors by status, by script.
export function failures() {
  http.get(`${CLOSED_PORT}/`, { tags: { name: 'refused' } });
  http.get(`${BASE_URL}/delay/500`, { timeout: 50, tags: { name: 'timeout' } });
  http.get('http://shop.blocked.test/', { tags: { name: 'blocked' } });
  http.get(`${BASE_URL}/older`, { redirects: 1, tags: { name: 'too many redirects' } });
  for (const code of [204, 400, 404, 429, 500, 503]) {
    http.get(`${BASE_URL}/status/${code}`, { tags: { name: 'status' } });
  }
  throw new Error('an iteration that fails: größer "quoted"');
}

// What counts as failed is the script's choice.
export function expectations() {
  http.get(`${BASE_URL}/status/404`, {
    responseCallback: http.expectedStatuses(404), tags: { name: 'expected 404' },
  });
  http.get(`${BASE_URL}/status/500`, { responseCallback: null, tags: { name: 'no expectation' } });
  http.setResponseCallback(http.expectedStatuses({ min: 400, max: 499 }, 503));
  http.get(`${BASE_URL}/status/418`, { tags: { name: 'expected by callback' } });
  http.get(`${BASE_URL}/fast`, { tags: { name: 'unexpected 200' } });
  http.setResponseCallback(null);
  http.get(`${BASE_URL}/fast`, { tags: { name: 'no callback' } });
  http.setResponseCallback(http.expectedStatuses({ min: 200, max: 399 }));
}

// Both WebSocket modules: pings, messages, and a connection that is refused.
export function websocket() {
  const res = ws.connect(WS_URL, { tags: { name: 'ws module', kind: 'x' } }, (socket) => {
    socket.on('open', () => {
      socket.ping();
      socket.send('hello');
      socket.setTimeout(() => socket.close(), 100);
    });
  });
  check(res, { 'ws is 101': (r) => r && r.status === 101 });

  const socket = new WebSocket(WS_URL, null, { tags: { name: 'websockets module', kind: 'y' } });
  socket.onopen = () => {
    socket.ping();
    socket.send('größer 日本');
    setTimeout(() => socket.close(), 100);
  };
  socket.onmessage = (message) => check(message, { 'ws echoes': (m) => m.data === 'größer 日本' });

  const refused = new WebSocket(`${BASE_URL.replace('http', 'ws')}/fast`, null, { tags: { name: 'ws refused' } });
  refused.onerror = (e) => check(e, { 'ws tells of the refusal': (x) => x.error !== '' });
}

const client = new Client();

// Unary calls, one of which fails, and a stream in both directions; all through reflection.
export async function rpc() {
  client.connect(GRPC_ADDR, { plaintext: true, reflect: true });
  const health = 'grpc.health.v1.Health/Check';
  const res = client.invoke(health, { service: 'shop' }, { tags: { name: 'unary' } });
  check(res, { 'grpc is OK': (r) => r.status === StatusOK });
  client.invoke(health, { service: 'nobody' }, { tags: { name: 'not found' } });
  client.healthCheck();

  const reflection = 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  await streamed(reflection, { tags: { name: 'stream' } }, [{ list_services: '' }, { list_services: '*' }]);
  client.close();
}

function streamed(method, params, messages) {
  return new Promise((resolve) => {
    const stream = new Stream(client, method, params);
    stream.on('data', () => {});
    stream.on('error', resolve);
    stream.on('end', resolve);
    messages.forEach((message) => stream.write(message));
    stream.end();
  });
}

// Three hundred label keys on one sample, and the last value of a gauge.
export function last() {
  const labels = {};
  for (let i = 0; i < 300; i++) {
    labels[`label_${i}`] = `value ${i}`;
  }
  wide.add(1.5, labels);
  http.get(`${BASE_URL}/fast`, { tags: Object.assign({ name: 'wide' }, labels) });
  gauge.add(-3.25, { kind: 'x' });
  gauge.add(7.75, { kind: 'y' });
}

export function handleSummary(data) {
  if (__ENV.SUMMARY) {
    return { [__ENV.SUMMARY]: JSON.stringify(data) };
  }
  return { stdout: `${data.metrics.http_reqs.values.count} requests\n` };
}
