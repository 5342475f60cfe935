process.stdout.write('demo: nothing here yet\n');
