#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A statutory return taken in by a real kithd through kithctl

Each test's name says what is true; names as arguments run these only. The last line is the tally.
"""
import json
import os
import subprocess
import unittest

import region as kith
from control_client import Problem

HERE = kith.HERE
HEADER = 'CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB'
EPISODES = ('CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,'
            'PL_POST,URN')
REVIEWS = 'CHILD,DOB,REVIEW,REVIEW_CODE'


def episode(child, decom, dec='', rec='', ls='C2'):
    return f'{child},{decom},S,{ls},N1,U6,PR1,{dec},{rec},,AB1 2CD,AB3 4EF,SC123456'


class Import(unittest.TestCase):
    """One region; every test has an authority of its own, so none meets another's children."""
    authorities = iter(('301', '302', '303', '304', '305', '306', '307', '308', '309', '310',
                        '311', '312', '313', '314', '315', '316', '317', '318', '319', '320'))

    @classmethod
    def setUpClass(cls):
        federation = kith.Federation()
        cls.addClassCleanup(federation.close)
        cls.work = federation.dir
        cls.region = federation.region('north-west').start_kithd()

    def setUp(self):
        self.authority = next(self.authorities)
        self.dir = os.path.join(self.work, 'returns', self.id().rsplit('.', 1)[1])
        os.makedirs(self.dir)

    def put(self, name, *lines, end='\r\n', mark=''):
        with open(os.path.join(self.dir, name), 'w', newline='', encoding='utf-8') as f:
            f.write(mark + end.join(lines) + end)

    def make(self, *options):
        """A generated return, and what it says of itself."""
        out = subprocess.run([os.path.join(HERE, 'make_return.py'), self.dir, '--authority',
                              self.authority, '--year', '2025', *options],
                             check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(out.stdout)

    def tried(self, *options, year='2025'):
        return self.region.run_ctl('import', 'ssda903', self.dir, '--authority', self.authority,
                                   '--year', year, *options)

    def taken(self, *options, status=0, **more):
        """The report of an import that ends with this exit status."""
        done = self.tried('--json', *options, **more)
        self.assertEqual(done.status, status, done.err)
        return json.loads(done.out)

    def asked(self, *args):
        return self.region.ctl(*args, json=True)

    def show(self, name):
        return self.asked('record', 'show', name)['records'][0]

    def rows(self, child):
        """The entries of a child that are rows of a return."""
        found = self.asked('record', 'timeline', f'{self.authority}/{child}')
        return [e for e in found['entries'] if 'row' in e]

    def ours(self):
        return [r for r in self.asked('record', 'list')['records']
                if r.get('alias', '').startswith(self.authority + '/')]

    def cells(self, entry):
        return {c['column']: c.get('value', '') for c in entry['row']['cells']}

    # Everything is in, once.

    def test_a_generated_return_is_in_row_for_row(self):
        made = self.make('--children', '40', '--seed', '7')
        got = self.taken()
        rows = made['header'] + made['episodes'] + made['reviews']
        self.assertEqual(got['rows'], rows)
        self.assertEqual((got['imported']['records_new'], got['imported']['rows_new'],
                          got['identical'], got['not_sent']),
                         (40, rows - made['dirt']['copies'], made['dirt']['copies'], []))
        self.assertEqual(len(self.ours()), 40)
        moved = self.asked('record', 'list', '--rec', 'E3')['records']
        self.assertEqual({r['alias'] for r in moved if r in self.ours()},
                         {f'{self.authority}/{child}' for child in made['moved']})

    def test_importing_a_return_twice_adds_nothing(self):
        self.make('--children', '25', '--seed', '3')
        first = self.taken()['imported']
        before = self.region.status().changes
        hashes = {r['record']: r['entries'] for r in self.ours()}
        again = self.taken()['imported']
        self.assertEqual(again['rows_same'], first['rows_new'])
        self.assertEqual((again['records_new'], again['rows_new'], again['rows_superseding'],
                          again['changes']), (0, 0, 0, 0))
        self.assertEqual(self.region.status().changes, before)
        self.assertEqual({r['record']: r['entries'] for r in self.ours()}, hashes)

    def test_a_changed_row_supersedes_the_row_that_it_changes(self):
        self.put('episodes.csv', EPISODES, episode('1001', '12/05/2024'),
                 episode('1002', '13/05/2024'))
        self.taken()
        self.put('episodes.csv', EPISODES,
                 episode('1001', '12/05/2024', '01/02/2025', 'E3'), episode('1002', '13/05/2024'))
        got = self.taken()['imported']
        self.assertEqual((got['rows_superseding'], got['rows_new'], got['rows_same']), (1, 0, 1))
        self.assertEqual(sorted((e['status'], self.cells(e)['REC']) for e in self.rows('1001')),
                         [('current', 'E3'), ('superseded', '')])
        self.assertEqual([e['status'] for e in self.rows('1002')], ['current'])

    def test_a_row_that_is_missing_in_a_later_return_stays(self):
        self.put('episodes.csv', EPISODES, episode('1101', '12/05/2023', '12/06/2023', 'E8'),
                 episode('1101', '12/07/2024'))
        self.taken()
        self.put('episodes.csv', EPISODES, episode('1101', '12/07/2024'))
        got = self.taken(year='2026')['imported']
        self.assertEqual((got['rows_new'], got['rows_superseding'], got['rows_same']), (0, 0, 1))
        self.assertEqual([e['status'] for e in self.rows('1101')], ['current'] * 2)

    def test_a_child_id_of_two_authorities_is_two_records(self):
        self.put('episodes.csv', EPISODES, episode('1201', '12/05/2024'))
        self.taken()
        mine, self.authority = self.authority, next(self.authorities)
        self.assertEqual(self.taken()['imported']['records_new'], 1)
        a, b = (self.show(f'{x}/1201')['record'] for x in (mine, self.authority))
        self.assertNotEqual(a, b)

    # As received, with what is wrong beside it.

    def test_a_dirty_row_is_kept_as_it_came_with_the_broken_rules(self):
        self.put('header.csv', HEADER, '1301,7,12/05/2012,CNHE,UN1,,')
        self.put('episodes.csv', EPISODES,
                 '1301,31/02/2024,S,C9,N1,U6,PR1,,X1,MOVED,AB1 2CD,AB3 4EF,SC123456')
        got = self.taken()
        self.assertEqual((got['faulty'], got['imported']['rows_new']), (2, 2))
        broken = {f['rule'] for f in got['faults']}
        self.assertLessEqual({'101', '103', '141', '144', '148'}, broken)
        rows = {e['row']['file']: e for e in self.rows('1301')}
        self.assertEqual(self.cells(rows['header.csv'])['ETHNIC'], 'CNHE')
        self.assertEqual(self.cells(rows['episodes.csv'])['DECOM'], '31/02/2024')
        self.assertLessEqual({'101', '103'}, set(rows['header.csv']['faults']))
        self.assertLessEqual({'141', '144'}, set(rows['episodes.csv']['faults']))

    def test_an_extra_column_and_every_form_of_line_end_are_kept(self):
        self.put('anything.CSV', EPISODES + ',TEAM', episode('1401', '2024-05-12') + ',"East, 2"',
                 mark='\ufeff', end='\n')
        self.put('reviews.csv', REVIEWS, '1401,zz/05/2012,11/08/2024,PN1', end='\r')
        self.assertEqual(self.taken()['imported']['rows_new'], 2)
        rows = {e['row']['file']: e for e in self.rows('1401')}
        self.assertEqual(self.cells(rows['anything.CSV'])['TEAM'], 'East, 2')
        self.assertEqual(self.cells(rows['reviews.csv'])['DOB'], 'zz/05/2012')

    def test_identical_rows_are_one_entry_that_says_how_often(self):
        self.put('episodes.csv', EPISODES, *[episode('1501', '12/05/2024')] * 3)
        got = self.taken()
        self.assertEqual((got['rows'], got['identical'], got['imported']['rows_new']), (3, 2, 1))
        self.assertEqual([e['row']['copies'] for e in self.rows('1501')], [3])

    # What cannot be taken in is said, and changes nothing.

    def test_a_dry_run_changes_nothing(self):
        self.put('episodes.csv', EPISODES, episode('1601', '12/05/2024'))
        before = self.region.status()
        got = self.taken('--dry-run')
        self.assertTrue(got['dry_run'])
        self.assertEqual((got['imported']['rows_new'], got['imported']['records_new']), (1, 1))
        after = self.region.status()
        self.assertEqual((after.changes, after.records), (before.changes, before.records))
        self.assertEqual(self.ours(), [])

    def test_a_directory_without_a_table_is_an_error_that_says_what_is_missing(self):
        with open(os.path.join(self.dir, 'letter.txt'), 'w', encoding='utf-8') as f:
            f.write(HEADER)
        done = self.tried()
        self.assertEqual(done.status, 1)
        self.assertIn('there is no *.csv', done.err)
        done = self.region.run_ctl('import', 'ssda903', self.dir + '/nowhere', '--authority',
                                 self.authority, '--year', '2025')
        self.assertEqual(done.status, 1)
        self.assertIn('No such file or directory', done.err)

    def test_csv_files_of_which_none_is_a_table_are_an_error(self):
        self.put('budget.csv', 'MONTH,POUNDS', 'May,12')
        done = self.tried()
        self.assertEqual(done.status, 1, done.out)
        self.assertIn('budget.csv', done.out + done.err)
        self.assertIn('next:', done.err)

    def test_garbage_beside_good_files_is_named_and_the_good_ones_are_in(self):
        self.put('episodes.csv', EPISODES, episode('1701', '12/05/2024'))
        self.put('header.csv', HEADER, '1701,F,12/05/2012,WBRI,"never closed,,')
        with open(os.path.join(self.dir, 'noise.csv'), 'wb') as f:
            f.write(bytes(range(256)) * 40)
        got = self.taken(status=1)
        problems = {f['name']: f['problem'] for f in got['files']}
        self.assertEqual(problems['episodes.csv'], '')
        self.assertIn('line 2', problems['header.csv'])
        self.assertTrue(problems['noise.csv'])
        self.assertEqual(got['imported']['rows_new'], 1)
        self.put('header.csv', HEADER, '1701,F,12/05/2012,WBRI,UN1,,')
        os.unlink(os.path.join(self.dir, 'noise.csv'))
        mended = self.taken()['imported']
        self.assertEqual((mended['rows_new'], mended['rows_same']), (1, 1))

    def test_a_row_without_a_child_is_nobodys_and_is_named(self):
        self.put('episodes.csv', EPISODES, episode('', '12/05/2024'), episode('1801', '12/05/2024'))
        got = self.taken(status=1)
        self.assertEqual([(r['file'], r['line']) for r in got['not_sent']], [('episodes.csv', 2)])
        self.assertEqual(got['imported']['rows_new'], 1)

    def test_an_unknown_authority_or_a_year_that_is_none_is_refused_before_anything_is_sent(self):
        self.put('episodes.csv', EPISODES, episode('1901', '12/05/2024'))
        for authority, year, words in (('999x', '2025', 'no local authority'),
                                       (self.authority, '25', '--year')):
            done = self.region.run_ctl('import', 'ssda903', self.dir, '--authority', authority,
                                     '--year', year)
            self.assertEqual(done.status, 2)
            self.assertIn(words, done.err)
        self.assertEqual(self.ours(), [])


class AfterAMove(unittest.TestCase):
    """A child that has moved, and the returns that come after."""

    @classmethod
    def setUpClass(cls):
        f = kith.Federation()
        cls.addClassCleanup(f.close)
        cls.north, cls.south = f.region('north-west').start(), f.region('south-west').start()
        kith.introduce(cls.north, cls.south)
        cls.dir = os.path.join(f.dir, 'return')
        os.makedirs(cls.dir)

    def take(self, region, authority, year, *rows):
        with open(os.path.join(self.dir, 'episodes.csv'), 'w', encoding='utf-8') as f:
            f.write('\n'.join((EPISODES, *rows)) + '\n')
        return region.ctl('import', 'ssda903', self.dir, '--authority', authority, '--year', year,
                          json=True)['imported']

    def moved(self, child):
        """A record of north-west's that south-west is custodian of by now."""
        self.take(self.north, '301', '2025', episode(child, '12/05/2023', '01/02/2025', 'E3'))
        record = self.north.ctl('record', 'show', f'301/{child}', json=True)['records'][0]['record']
        self.north.ctl('move', 'offer', record, '--to', 'south-west', '--reason', 'E3')
        with self.south.client() as c:
            kith.wait_for(lambda: complete(c, record), 30, 'the record is complete')
            self.south.ctl('move', 'accept', record, '--worker', 'Amina Example')
            c.ask(verb='move show', record=record, follow=True)
        return record

    def entries(self, region, record):
        return [e for e in region.ctl('record', 'timeline', record, json=True)['entries']
                if 'row' in e]

    def test_the_new_region_knows_the_row_under_the_old_authoritys_id(self):
        record = self.moved('2001')
        same = self.take(self.south, '301', '2025',
                         episode('2001', '12/05/2023', '01/02/2025', 'E3'))
        self.assertEqual((same['records_new'], same['rows_new'], same['rows_same']), (0, 0, 1))
        late = self.take(self.south, '301', '2026',
                         episode('2001', '12/05/2023', '02/02/2025', 'E3'))
        self.assertEqual((late['records_new'], late['rows_superseding']), (0, 1))
        self.assertEqual(sorted(e['status'] for e in self.entries(self.south, record)),
                         ['current', 'superseded'])

    def test_the_return_of_the_new_authority_goes_on_in_the_same_record(self):
        record = self.moved('2002')
        # A person at the new region says who that is here: authority 908 calls the child 77.
        self.south.ctl('record', 'alias', record, '--authority', '908', '--child', '77')
        got = self.take(self.south, '908', '2026', episode('77', '01/02/2025'))
        self.assertEqual((got['records_new'], got['rows_new']), (0, 1))
        rows = self.entries(self.south, record)
        self.assertEqual([(e['row']['authority'], e['region']) for e in rows],
                         [('301', 'north-west'), ('908', 'south-west')])
        shown = self.south.ctl('record', 'show', '908/77', json=True)['records'][0]
        self.assertEqual((shown['record'], shown['episode_from']), (record, '2025-02-01'))

    def test_the_old_return_of_a_child_who_moved_on_is_still_taken_in(self):
        self.moved('2012')
        with open(os.path.join(self.dir, 'episodes.csv'), 'w', encoding='utf-8') as f:
            f.write(f'{EPISODES}\n{episode("2012", "12/05/2023", "01/02/2025", "E3")}\n'
                    f'{episode("2999", "12/05/2023", "", "")}\n')
        done = self.north.run_ctl('import', 'ssda903', self.dir, '--authority', '301', '--year',
                                  '2025', '--json')
        self.assertEqual(done.status, 0, done.err)
        got = json.loads(done.out)['imported']
        self.assertEqual((got['rows_same'], got['rows_new'], got['rows_refused']), (1, 1, 0))

    def test_the_old_authority_cannot_add_and_other_children_are_none_the_worse(self):
        self.moved('2003')
        with open(os.path.join(self.dir, 'episodes.csv'), 'w', encoding='utf-8') as f:
            f.write(f'{EPISODES}\n{episode("2003", "12/05/2023", "03/02/2025", "E3")}\n'
                    f'{episode("2998", "12/05/2023", "", "")}\n')
        done = self.north.run_ctl('import', 'ssda903', self.dir, '--authority', '301', '--year',
                                  '2026', '--json')
        self.assertEqual(done.status, 1)
        self.assertIn('another region is responsible', done.err)
        got = json.loads(done.out)['imported']
        self.assertEqual((got['rows_refused'], got['rows_new']), (1, 1))


def complete(client, record):
    """Whether a move to this region waits for its people only."""
    try:
        moves = [m for r in client.ask(verb='move show', record=record) for m in r.moves]
    except Problem:
        return False
    return bool(moves) and moves[-1].state == 'complete'


if __name__ == '__main__':
    kith.main()
