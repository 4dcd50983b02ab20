// A load test of the sample shop: visitors browse, and some of them order.
//
//   k6 run -e BASE_URL=http://127.0.0.1:8080 checkout.js
//
// DURATION (20s) is how long the load lasts, RATE (10) the visits a second, with one order for
// every second visit. SUMMARY names a file for k6's end-of-test summary as JSON.

import http from 'k6/http';
import { check, group } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';
const DURATION = __ENV.DURATION || '20s';
const RATE = Number(__ENV.RATE || 10);

const basketValue = new Trend('basket_value');
const checkoutTime = new Trend('checkout_time', true);
const itemsSold = new Counter('items_sold');
const ordersPlaced = new Rate('orders_placed');
const lastOrder = new Gauge('last_order');

export const options = {
  scenarios: {
    browse: arrivals('browse', RATE),
    order: arrivals('order', Math.ceil(RATE / 2)),
  },
  thresholds: {
    http_req_failed: ['rate<0.05'],
    http_req_duration: ['p(95)<250'],
    'http_req_duration{scenario:browse}': ['p(95)<250'],
    'http_req_duration{name:POST /api/orders}': ['p(99)<500'],
    'checks{group:::checkout::pay}': ['rate>0.9'],
    orders_placed: ['rate>0.9'],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'],
};

function arrivals(exec, rate) {
  return {
    executor: 'constant-arrival-rate',
    exec,
    rate,
    timeUnit: '1s',
    duration: DURATION,
    preAllocatedVUs: 10,
    maxVUs: 50,
  };
}

// The shop has this many items. A visitor now and then follows a link to one that it has no more.
const ITEMS = 100;
const DEAD_LINKS = 0.02;

export function browse() {
  group('home', () => {
    const responses = http.batch([
      ['GET', `${BASE_URL}/page`, null, { tags: { name: 'GET /page', kind: 'page' } }],
      ['GET', `${BASE_URL}/fast`, null, { tags: { name: 'GET /fast', kind: 'asset' } }],
    ]);
    check(responses[0], { 'home is 200': (r) => r.status === 200 });
  });

  group('catalogue', () => {
    const list = http.get(`${BASE_URL}/api/items`, tagged('GET /api/items'));
    check(list, {
      'items is 200': (r) => r.status === 200,
      'items has a page of items': (r) => r.json('items').length === 20,
    });

    group('search', () => {
      const found = http.get(`${BASE_URL}/api/search?q=item%202`, tagged('GET /api/search'));
      check(found, { 'search is 200': (r) => r.status === 200 });
    });

    group('detail', () => {
      const id = Math.random() < DEAD_LINKS ? ITEMS + 1 : randomItem();
      const item = http.get(`${BASE_URL}/api/items/${id}`, tagged('GET /api/items/{id}'));
      check(item, { 'item is 200': (r) => r.status === 200 });
    });
  });
}

export function order() {
  group('checkout', () => {
    const start = Date.now();
    const id = randomItem();
    const quantity = 1 + Math.floor(Math.random() * 5);

    http.get(`${BASE_URL}/api/items/${id}`, tagged('GET /api/items/{id}'));

    group('pay', () => {
      const body = JSON.stringify({ item: id, quantity });
      const res = http.post(`${BASE_URL}/api/orders`, body, {
        headers: { 'Content-Type': 'application/json' },
        tags: { name: 'POST /api/orders', basket: quantity > 2 ? 'large' : 'small' },
      });
      const placed = check(res, { 'order is 201': (r) => r.status === 201 });
      ordersPlaced.add(placed);
      if (!placed) {
        return;
      }
      itemsSold.add(quantity);
      basketValue.add(res.json('total'), { basket: quantity > 2 ? 'large' : 'small' });
      lastOrder.add(res.json('id'));
    });
    checkoutTime.add(Date.now() - start);
  });
}

function tagged(name) {
  return { tags: { name } };
}

function randomItem() {
  return 1 + Math.floor(Math.random() * ITEMS);
}

export function handleSummary(data) {
  const out = { stdout: headline(data.metrics) };
  if (__ENV.SUMMARY) {
    out[__ENV.SUMMARY] = JSON.stringify(data);
  }
  return out;
}

function headline(metrics) {
  const { http_reqs: reqs, http_req_duration: duration, http_req_failed: failed } = metrics;
  const rate = reqs.values.rate.toFixed(1);
  const percent = (failed.values.rate * 100).toFixed(2);
  const p95 = duration.values['p(95)'].toFixed(1);
  return `${reqs.values.count} requests, ${rate}/s, ${percent} % failed, p95 ${p95} ms\n`;
}
