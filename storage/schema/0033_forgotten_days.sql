-- Validated days of a usage point go with the readings that they were made of, and with nothing else.
CREATE FUNCTION validated_day_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM point_forgotten f
        WHERE f.usage_point_id = OLD.usage_point_id AND f.readings = 'deleted' AND f.until > OLD.start
    ) THEN
        RAISE EXCEPTION 'rows of validated_day stand: they go with a forgotten point''s readings, or with their whole month'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER validated_day_stand ON validated_day;
CREATE TRIGGER validated_day_stand BEFORE UPDATE ON validated_day FOR EACH ROW EXECUTE FUNCTION rows_stand();
CREATE TRIGGER validated_day_goes BEFORE DELETE ON validated_day FOR EACH ROW EXECUTE FUNCTION validated_day_goes();
