// The load of `bench live`: two kinds of visitors of a shop, with groups, checks, tags and custom metrics, at RATE
// HTTP requests a second in all. It writes what it reached as JSON to the file SUMMARY.
import http from 'k6/http';
import { check, group } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const TARGET = __ENV.TARGET;
const RATE = Number(__ENV.RATE);
const LOOK_REQUESTS = 5;
const BUY_REQUESTS = 3;

const detail = new Trend('detail_time', true);
const bought = new Counter('bought');
const accepted = new Rate('order_accepted');
const basket = new Gauge('basket_items');

// Seven tenths of the requests are those of visitors who only look.
function scenario(exec, requests, share) {
  const rate = Math.max(1, Math.round((RATE * share) / requests));
  const vus = Math.max(10, Math.ceil(rate / 10));
  return {
    exec, executor: 'constant-arrival-rate', rate, timeUnit: '1s', duration: __ENV.DURATION,
    preAllocatedVUs: vus, maxVUs: 4 * vus, tags: { visitor: exec },
  };
}

export const options = {
  scenarios: { look: scenario('look', LOOK_REQUESTS, 0.7), buy: scenario('buy', BUY_REQUESTS, 0.3) },
  thresholds: {
    http_req_duration: ['p(95)<60000'],
    'http_req_duration{visitor:look}': ['p(99)<60000'],
    http_req_failed: ['rate<0.5'],
    order_accepted: ['rate>0.5'],
  },
  summaryTrendStats: ['p(95)'],
};

function get(path, name, tags) {
  return http.get(TARGET + path, { tags: Object.assign({ name }, tags) });
}

export function look() {
  group('home', () => {
    const page = get('/page', 'GET /page');
    check(page, { 'page answers 200': (r) => r.status === 200, 'page has text': (r) => r.body.length > 100 });
    http.batch([
      ['GET', `${TARGET}/style`, null, { tags: { name: 'GET /style', part: 'asset' } }],
      ['GET', `${TARGET}/slow`, null, { tags: { name: 'GET /slow', part: 'asset' } }],
    ]);
  });
  group('catalogue', () => {
    const list = get('/items', 'GET /items');
    check(list, { 'list answers 200': (r) => r.status === 200, 'list is whole': (r) => r.json('items').length === 20 });
    const item = get(`/items/${Math.floor(Math.random() * 1000)}`, 'GET /items/{id}');
    detail.add(item.timings.duration, { view: 'detail' });
    check(item, { 'item answers 200': (r) => r.status === 200 });
  });
}

export function buy() {
  group('checkout', () => {
    check(get('/items', 'GET /items'), { 'list answers 200': (r) => r.status === 200 });
    basket.add(1 + Math.floor(Math.random() * 5));
    group('payment', () => {
      const order = http.post(`${TARGET}/orders`, JSON.stringify({ item: 7, amount: 2 }), {
        headers: { 'Content-Type': 'application/json' }, tags: { name: 'POST /orders' },
      });
      bought.add(1);
      accepted.add(check(order, { 'order answers 201': (r) => r.status === 201 }));
    });
    get('/style', 'GET /style');
  });
}

export function handleSummary(data) {
  const value = (metric, key) => (data.metrics[metric] ? data.metrics[metric].values[key] : 0);
  return {
    [__ENV.SUMMARY]: JSON.stringify({
      requests: value('http_reqs', 'count'), rate: value('http_reqs', 'rate'), failed: value('http_req_failed', 'passes'),
      dropped: value('dropped_iterations', 'count'), p95: value('http_req_duration', 'p(95)'),
    }),
  };
}
